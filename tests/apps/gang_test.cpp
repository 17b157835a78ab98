#include "apps/salient/gang.h"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "kernels/runtime/error.h"
#include "kernels/runtime/parallel.h"
#include "tests/support/refused.h"

namespace purnet {

TEST_CASE("gang: what other threads ask for and its own jobs are all done, each once, and by its threads") {
    Gang gang(true);
    std::atomic<int> asked{0}, own{0}, elsewhere{0};
    std::atomic<bool> over{false};
    std::thread other([&] {
        const auto here = std::this_thread::get_id();
        for (int i = 0; i < 300; ++i)
            gang.run([&] {
                ++asked;
                elsewhere += std::this_thread::get_id() == here;
            });
        over = true;
        gang.notify();
    });
    for (int i = 0; i < 20; ++i) {
        std::vector<Gang::Job> jobs(7, [&] { ++own; });
        gang.work(std::move(jobs));
    }
    CHECK(own == 140);
    gang.work_until([&] { return over.load(); });
    other.join();
    CHECK(asked == 300);
    CHECK(elsewhere == 0);
}

TEST_CASE("gang: errors leave where the job was given; open gangs work where they are asked") {
    Gang gang(true);
    std::string message;
    std::atomic<bool> over{false};
    std::thread other([&] {
        message = test::message_of([&] { gang.run([] { fail("asked for"); }); });
        over = true;
        gang.notify();
    });
    gang.work_until([&] { return over.load(); });
    other.join();
    CHECK(message == "asked for");
    std::atomic<int> done{0};
    REFUSED(gang.work({[] { fail("own"); }, [&] { ++done; }}), "own");
    gang.work({});

    // Somebody waits as the gang ends.
    std::atomic<bool> began{false};
    std::thread late([&] {
        began = true;
        gang.run([&] { done = 100; });
    });
    while (!began) std::this_thread::yield();
    gang.open();
    late.join();
    CHECK(done == 100);
    Gang none(false);
    none.run([&] { done = 200; });
    CHECK(done == 200);
    CHECK(!none.working());
    none.work_until([] { return false; });
}

}  // namespace purnet
