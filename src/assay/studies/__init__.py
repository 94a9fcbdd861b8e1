"""Many runs as one question: rewards x model families x seeds, and what their comparison says."""
