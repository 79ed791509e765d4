--
-- PostgreSQL database dump
--

-- Dumped from database version 16.4
-- Dumped by pg_dump version 16.4

\restrict 6jHnD0wcQm1b

SET statement_timeout = 0; -- expect: session-parameter
SET lock_timeout = 0; -- expect: session-parameter
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on; -- expect: session-parameter
SELECT pg_catalog.set_config('search_path', '', false); -- expect: set-config
SET check_function_bodies = false; -- expect: session-parameter
SET client_min_messages = warning; -- expect: session-parameter
SET row_security = off; -- expect: session-parameter

--
-- Name: citext; Type: EXTENSION; Schema: -; Owner: -
--

CREATE EXTENSION IF NOT EXISTS citext WITH SCHEMA public; -- expect: statement-createextension


--
-- Name: EXTENSION citext; Type: COMMENT; Schema: -; Owner: -
--

COMMENT ON EXTENSION citext IS 'data type for case-insensitive character strings'; -- expect: comment-on-object


--
-- Name: order_state; Type: TYPE; Schema: public; Owner: shop
--

CREATE TYPE public.order_state AS ENUM ( -- expect: create-enum
    'cart',
    'paid',
    'sent'
);


ALTER TYPE public.order_state OWNER TO shop; -- expect: owner-of-object

SET default_tablespace = ''; -- expect: session-parameter

SET default_table_access_method = heap; -- expect: session-parameter

--
-- Name: books; Type: TABLE; Schema: public; Owner: shop
--

CREATE TABLE public.books (
    id integer NOT NULL, -- expect: int4-key
    isbn character varying(13) NOT NULL,
    title text NOT NULL,
    blurb tsvector, -- expect: column-type
    keywords text[], -- expect: column-type
    price numeric(10,2) NOT NULL
);


ALTER TABLE public.books OWNER TO shop;

--
-- Name: books_id_seq; Type: SEQUENCE; Schema: public; Owner: shop
--

CREATE SEQUENCE public.books_id_seq -- expect: sequence-type
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


ALTER SEQUENCE public.books_id_seq OWNED BY public.books.id;

--
-- Name: orders; Type: TABLE; Schema: public; Owner: shop
--

CREATE TABLE public.orders (
    id bigint NOT NULL,
    state public.order_state DEFAULT 'cart'::public.order_state NOT NULL, -- expect: enum-type
    customer public.citext NOT NULL, -- expect: extension-type
    created_at timestamp with time zone DEFAULT now() NOT NULL
);


CREATE TABLE public.order_lines (
    order_id bigint NOT NULL,
    book_id integer NOT NULL,
    quantity smallint DEFAULT 1 NOT NULL,
    CONSTRAINT order_lines_quantity_check CHECK ((quantity > 0))
);


ALTER TABLE ONLY public.books ALTER COLUMN id SET DEFAULT nextval('public.books_id_seq'::regclass);


ALTER TABLE ONLY public.books
    ADD CONSTRAINT books_isbn_key UNIQUE (isbn); -- expect: add-constraint


ALTER TABLE ONLY public.books
    ADD CONSTRAINT books_pkey PRIMARY KEY (id); -- expect: add-constraint


ALTER TABLE ONLY public.orders
    ADD CONSTRAINT orders_pkey PRIMARY KEY (id); -- expect: add-constraint


ALTER TABLE ONLY public.order_lines
    ADD CONSTRAINT order_lines_pkey PRIMARY KEY (order_id, book_id); -- expect: add-constraint


CREATE INDEX books_blurb_idx ON public.books USING gin (blurb); -- expect: index-access-method


CREATE INDEX orders_created_at_idx ON public.orders USING btree (created_at); -- expect: index-access-method


ALTER TABLE ONLY public.order_lines
    ADD CONSTRAINT order_lines_book_id_fkey FOREIGN KEY (book_id) REFERENCES public.books(id); -- expect: add-constraint, foreign-key-without-index


ALTER TABLE ONLY public.order_lines
    ADD CONSTRAINT order_lines_order_id_fkey FOREIGN KEY (order_id) REFERENCES public.orders(id) ON DELETE CASCADE; -- expect: add-constraint


--
-- PostgreSQL database dump complete
--

\unrestrict 6jHnD0wcQm1b
