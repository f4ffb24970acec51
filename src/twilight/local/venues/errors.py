"""What can be wrong with the input of the venue servers.

TwilightError
    VenuesError
        RecordingError        the recording is no recording: names the line
        ScenarioError         the scenario file cannot be read: names the fault
        RefusedFaultError     the fault cannot be played here
        RefusedCommandError   the venue servers said no to a command
"""

from twilight.ops.errors import TwilightError


class VenuesError(TwilightError):
    """Something that whoever started the venue servers, or sent them a command, must mend."""


class RecordingError(VenuesError):
    """The file is no recording; the message names the line, what was expected and what was found."""


class ScenarioError(VenuesError):
    """The file is no scenario; the message says where and what was expected."""


class RefusedFaultError(VenuesError):
    """The fault cannot be played here; the message says why."""


class RefusedCommandError(VenuesError):
    """The venue servers did not take a command; the message is theirs."""
