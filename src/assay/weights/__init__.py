"""Two checkpoints -> what changed: diff, masks, overlap, rank, patches; read piece by piece, no model is loaded."""
