"""Organisms: tiny base models grown from a known corpus, on which claims about training can be checked."""
