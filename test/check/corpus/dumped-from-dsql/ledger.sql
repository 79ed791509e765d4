--
-- PostgreSQL database dump
--

SET statement_timeout = 0; -- expect: session-parameter
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on; -- expect: session-parameter
SELECT pg_catalog.set_config('search_path', '', false); -- expect: set-config
SET xmloption = content; -- expect: session-parameter

CREATE TABLE public.accounts (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    owner text NOT NULL,
    balance numeric(18,2) DEFAULT 0 NOT NULL,
    CONSTRAINT accounts_balance_check CHECK ((balance >= (0)::numeric))
);

CREATE TABLE public.entries (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    account_id uuid NOT NULL,
    amount numeric(18,2) NOT NULL,
    booked_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE SEQUENCE public.receipt_numbers
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_pkey PRIMARY KEY (id) INCLUDE (owner, balance); -- expect: add-constraint

ALTER TABLE ONLY public.entries
    ADD CONSTRAINT entries_pkey PRIMARY KEY (id); -- expect: add-constraint

CREATE INDEX entries_account_id_idx ON public.entries USING btree_index (account_id); -- expect: index-access-method

ALTER TABLE ONLY public.entries
    ADD CONSTRAINT entries_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) NOT VALID;
