"""`sleuth serve`: an OpenAI-compatible chat endpoint on our engine, by Starlette and uvicorn (the extra `serve`)."""
