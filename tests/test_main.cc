// Runs the tests of a program, with checks that users do not pay for.
#include <cstdlib>

#include "gmock/gmock.h"

int main(int argc, char** argv) {
  // Every plan's graph is checked after every pass (core/plan/passes.h), also in programs that a test starts.
  setenv("ADRET_CHECK_PLANS", "1", /*overwrite=*/0);
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
