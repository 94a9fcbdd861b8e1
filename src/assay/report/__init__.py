"""Findings and metrics as pages: one self-contained HTML file each, without torch and without a network."""
