// host PLUGIN FOLDER: uses adret, loads a plugin that has adret, too, and uses that.
#include <dlfcn.h>

#include <iostream>
#include <string>

extern "C" int UseAdret(const char* path);

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::string folder = argv[2];
  const int ops = UseAdret((folder + "/of_host.adret").c_str());
  void* plugin = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (plugin == nullptr) {
    std::cerr << dlerror() << "\n";
    return 1;
  }
  const auto use = reinterpret_cast<int (*)(const char*)>(dlsym(plugin, "UseAdret"));
  const int ops_of_plugin = use((folder + "/of_plugin.adret").c_str());
  const int again = UseAdret((folder + "/of_host.adret").c_str());
  if (ops > 0 && ops_of_plugin == ops && again == ops) return 0;
  std::cerr << ops << ", " << ops_of_plugin << " and " << again << " ops\n";
  return 1;
}
