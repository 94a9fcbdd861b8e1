"""Killable worker processes for whatever may hang, crash or eat memory. No torch."""
