"""What the users of all measurements send: the paper's scenario."""
import io
import math
import struct
import wave

PASSWORD = "correct horse battery"
PLAN = {"goal": "Biology chapters 1-12", "topics": [f"Chapter {number}" for number in range(1, 13)],
        "minutes_per_day": 60, "rest_days": ["sat", "sun"]}


def speech(seconds=1, rate=16000):
    """A WAV file of a tone: the stand-in hears what it is told to hear."""
    out = io.BytesIO()
    with wave.open(out, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(b"".join(struct.pack("<h", int(9000 * math.sin(number / 8)))
                                    for number in range(seconds * rate)))
    return out.getvalue()
