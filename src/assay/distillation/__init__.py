"""Distillation: what a teacher says becomes what a student is trained on."""
