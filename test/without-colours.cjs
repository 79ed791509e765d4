// Jest passes the colours of its own terminal on to what tests start, which would stand between the words that tests look for.
delete process.env.FORCE_COLOR;
process.env.NO_COLOR = '1';
