"""Property tests take as long as the machine needs."""

from hypothesis import settings

settings.register_profile("property", deadline=None)
settings.load_profile("property")
