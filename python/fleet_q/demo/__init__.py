"""The demo: an app as one would write it (`app`), and what drives it over HTTP. Not part of the API."""
