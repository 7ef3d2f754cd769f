"""WHO IS TOLD: messages to customers' systems, rows until delivered; knows no calls."""
