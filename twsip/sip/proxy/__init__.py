"""The proxy core of RFC 3261 section 16, as pure functions and one small machine."""
