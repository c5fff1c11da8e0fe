"""Pictures: what they show, how they look, and how they are put together."""
