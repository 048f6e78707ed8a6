"""One header family, one file: its type, its parser, its printer (RFC 3261 section 20 and 25)."""
