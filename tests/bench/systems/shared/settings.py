"""What the Python systems are told by the environment."""
import os

MYSQL_SOCKET = os.environ.get("MYSQL_SOCKET", "")
MYSQL_USER = os.environ.get("MYSQL_USER", "")
MYSQL_PASSWORD = os.environ.get("MYSQL_PASSWORD", "")
MYSQL_DATABASE = os.environ.get("MYSQL_DATABASE", "")
REDIS_SOCKET = os.environ.get("REDIS_SOCKET", "")
REDIS_PASSWORD = os.environ.get("REDIS_PASSWORD", "")
GEMINI_URL = os.environ.get("GEMINI_BASE_URL", "")
OPENAI_URL = os.environ.get("OPENAI_BASE_URL", "")
GOOGLE_STT_URL = os.environ.get("GOOGLE_STT_BASE_URL", "")
GOOGLE_TTS_URL = os.environ.get("GOOGLE_TTS_BASE_URL", "")
KEYS = {name: os.environ.get(name.upper() + "_API_KEY", "") for name in ("gemini", "openai", "google")}
