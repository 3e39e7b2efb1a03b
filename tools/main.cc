// `adret`: looks into trained networks. The commands are in the other files.
#include "adret/tools/command.h"

int main(int argc, char** argv) { return adret::tools::RunProgram({argv + (argc > 0), argv + argc}); }
