"""The command line: one file a verb; `main` finds them, `progress` shows long work."""
