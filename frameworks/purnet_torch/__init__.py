"""PurNet in plain PyTorch: what the engine is compared with."""
