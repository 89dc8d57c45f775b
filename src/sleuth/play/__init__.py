"""Cases for people: in the terminal, in the browser, and on paper."""
