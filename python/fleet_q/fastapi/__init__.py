"""The REST face, for FastAPI. Nothing else of the package imports FastAPI."""

from .router import make_router

__all__ = ["make_router"]
