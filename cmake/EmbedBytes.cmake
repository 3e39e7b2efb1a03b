# cmake -DFROM=file -DTO=file.inc -P EmbedBytes.cmake: the bytes of a file as the elements of a C++ array.
file(READ ${FROM} bytes HEX)
string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
file(WRITE ${TO} "${bytes}\n")
