"""The Python front door: `from scheduler.scheduler import ScheduledCallService`."""
