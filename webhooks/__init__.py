"""WHO IS TOLD: messages to customers' systems, kept as rows until delivered; knows nothing of calls."""
