"""Plain django-celery-beat: a PeriodicTask a call, its ClockedSchedule or CrontabSchedule."""
