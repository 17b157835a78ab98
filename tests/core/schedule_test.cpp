#include "core/schedule.h"

#include <doctest/doctest.h>

#include <cmath>

#include "tests/support/refused.h"

namespace purnet {

TEST_CASE("schedule: poly falls from 1 to 0 with its power") {
    const Schedule s{.shape = Schedule::Shape::poly, .steps = 1000};
    CHECK(s(0) == 1);
    CHECK(1e-3 * s(1) == doctest::Approx(0.0009990999549834914).epsilon(1e-15));
    CHECK(1e-3 * s(2) == doctest::Approx(0.0009981998198678613).epsilon(1e-15));
    CHECK(s(1000) == 0);
    CHECK(s(5000) == 0);
}

TEST_CASE("schedule: warm-up rises linearly and reaches the base one step after it") {
    const Schedule s{.shape = Schedule::Shape::constant, .steps = 100, .warmup = 4};
    for (int i = 0; i < 5; ++i) CHECK(s(i) == doctest::Approx((i + 1) / 5.0));
    CHECK(s(99) == 1);
}

TEST_CASE("schedule: cosine goes from the end of the warm-up to its floor") {
    const Schedule s{.shape = Schedule::Shape::cosine, .steps = 110, .warmup = 10, .floor = 0.1};
    CHECK(s(10) == 1);
    CHECK(s(60) == doctest::Approx(0.55));
    CHECK(s(110) == doctest::Approx(0.1));
    CHECK(s(35) == doctest::Approx(0.1 + 0.9 * 0.5 * (1 + std::sqrt(0.5))));
}

TEST_CASE("schedule: step multiplies at each milestone") {
    const Schedule s{.shape = Schedule::Shape::step, .steps = 100, .factor = 0.5, .milestones = {0.5, 0.75}};
    CHECK(s(49) == 1);
    CHECK(s(50) == 0.5);
    CHECK(s(75) == 0.25);
    CHECK(s(99) == 0.25);
}

TEST_CASE("schedule: names and nonsense") {
    for (const char* name : {"constant", "poly", "cosine", "step"}) CHECK(name_of(schedule_named(name)) == name);
    REFUSED(schedule_named("linear"), "choose one of");
    REFUSED(Schedule{}(-1), "no step -1");
}

}  // namespace purnet
