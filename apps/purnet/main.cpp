// purnet: salient object detection, trained and run without any framework.
#include <cstdio>

int main() {
    std::puts("purnet " PURNET_VERSION);
    return 0;
}
