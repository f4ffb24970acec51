"""Property tests of the domain take as long as the machine needs."""

from hypothesis import settings

settings.register_profile("domain", deadline=None)
settings.load_profile("domain")
