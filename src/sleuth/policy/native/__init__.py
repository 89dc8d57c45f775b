"""C++ for processors with AVX2, and more of it for bfloat16 where there is AVX-512 or AMX; built with the machine's own
compiler when it is first used."""
