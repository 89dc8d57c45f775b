"""C++ for bfloat16 on processors with AMX, built with the machine's own compiler when it is first used."""
