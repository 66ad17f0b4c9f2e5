"""As many samples at a time as a word has bits, from the tape of the table form."""
