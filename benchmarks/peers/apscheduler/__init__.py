"""APScheduler 3: jobs are pickled rows that one process reads."""
