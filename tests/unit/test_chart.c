/* SPDX-License-Identifier: MIT
 *
 * report/chart and classify/sweep/timeline: windows hold what they are made for, at any time that a capture can tell; charts
 * of any counts are drawn within their strips, with few ticks.
 */
#include "report/chart.h"

#include "base/time_limit.h"

#include <string.h>

#include "suite.h"

#define S INT64_C(1000000000)

static const struct {
    int64_t first_ns, last_ns, seen_ns, until_ns, from_ns,
        end_ns; /* from_ns, end_ns: within a column of these */
    const char *why;
} frame_rows[] = {
    {100 * S, 110 * S, 0, 1000 * S, 97500000000, 112500000000, "a quarter of air at both ends"},
    {100 * S, 110 * S, 99 * S, 111 * S, 99 * S, 111 * S, "no more than there is to be seen"},
    {100 * S, 100 * S, 0, 1000 * S, 99 * S, 101 * S, "one moment"},
    {5, 5, 5, 5, 5, 5, "nothing but a moment"},
    {0, TCA_TIME_LAST_NS, 0, TCA_TIME_LAST_NS, 0, TCA_TIME_LAST_NS, "all of time"},
    {TCA_TIME_LAST_NS, TCA_TIME_LAST_NS, TCA_TIME_LAST_NS, TCA_TIME_LAST_NS, TCA_TIME_LAST_NS,
     TCA_TIME_LAST_NS, "its end"},
    {10 * S, 4 * S, 0, 20 * S, 9 * S, 10 * S, "an end before its beginning: from the beginning on"},
    {0, S, 0, 1000 * S, 0, 2 * S, "nothing before the epoch"},
};

START_TEST(frames)
{
    int64_t from_ns, width_ns;
    tca_timeline_frame(frame_rows[_i].first_ns, frame_rows[_i].last_ns, frame_rows[_i].seen_ns,
                       frame_rows[_i].until_ns, &from_ns, &width_ns);
    int64_t end_ns = from_ns + width_ns * TCA_TIMELINE_COLUMNS;
    ck_assert_msg(width_ns >= 1000 && from_ns >= 0 && from_ns % width_ns == 0, "%s", frame_rows[_i].why);
    ck_assert_msg(from_ns <= frame_rows[_i].from_ns && frame_rows[_i].from_ns - from_ns < width_ns,
                  "%s: begins at %lld", frame_rows[_i].why, (long long)from_ns);
    ck_assert_msg(end_ns >= frame_rows[_i].end_ns &&
                      (frame_rows[_i].last_ns < frame_rows[_i].first_ns ||
                       end_ns - frame_rows[_i].end_ns <= width_ns * TCA_TIMELINE_COLUMNS),
                  "%s: ends at %lld", frame_rows[_i].why, (long long)end_ns);
    ck_assert_uint_eq(tca_timeline_column(from_ns, width_ns, from_ns), 0);
    ck_assert_uint_eq(tca_timeline_column(from_ns, width_ns, from_ns - 1), TCA_TIMELINE_COLUMNS);
    ck_assert_uint_eq(tca_timeline_column(from_ns, width_ns, end_ns - 1), TCA_TIMELINE_COLUMNS - 1);
    ck_assert_uint_eq(tca_timeline_column(from_ns, width_ns, end_ns), TCA_TIMELINE_COLUMNS);
}
END_TEST

static unsigned count(const char *text, const char *what)
{
    unsigned found = 0;
    for (const char *at = strstr(text, what); at; at = strstr(at + 1, what))
        found++;
    return found;
}

/* Whatever time it stands for. */
static const struct {
    int64_t first_ns, last_ns;
    const char *label; /* one of its ticks */
} axis_rows[] = {
    {1000 * S, 1240 * S, "00:18:00"},
    {1000 * S, 1000 * S + 2000000, "00:16:40.001"},
    {0, 86400 * S * 4, "1970-01-03"},
    {0, TCA_TIME_LAST_NS, "2024-10-04"},
    {TCA_TIME_LAST_NS - 1, TCA_TIME_LAST_NS, "23:53:38.427450"},
};

START_TEST(axes)
{
    struct tca_chart chart;
    struct tca_buf out = {0};
    int64_t from_ns, width_ns;
    tca_timeline_frame(axis_rows[_i].first_ns, axis_rows[_i].last_ns, axis_rows[_i].first_ns,
                       axis_rows[_i].last_ns, &from_ns, &width_ns);
    tca_chart_begin(&chart, from_ns, width_ns);
    tca_chart_end(&chart, "t", "d", &out);
    const char *text = tca_buf_text(&out);
    ck_assert_msg(count(text, "class=\"axis\"") <= 7, "row %d: %s", _i, text);
    ck_assert_msg(strstr(text, axis_rows[_i].label) != NULL, "row %d: %s", _i, text);
    tca_buf_done(&out);
}
END_TEST

START_TEST(strips)
{
    struct tca_chart chart;
    struct tca_buf out = {0};
    uint32_t value[TCA_CHART_COLUMNS] = {[0] = UINT32_MAX, [1] = UINT32_MAX, [2] = 1, [239] = UINT32_MAX / 2};
    tca_chart_begin(&chart, 0, 1000);
    tca_chart_span(&chart, 0, 9999, "full");
    tca_chart_span(&chart, 9, 8, "full"); /* no time at all */
    tca_chart_span(&chart, 240000, INT64_MAX, "full");
    tca_chart_strip(&chart,
                    &(struct tca_strip){.title = "a", .note = "b", .value = value, .class = "c", .limit = 7});
    tca_chart_end(&chart, "t", "d", &out);
    const char *text = tca_buf_text(&out);
    /* As high as the strip, two columns wide; what is least is seen; nothing; half. */
    ck_assert_msg(
        strstr(text,
               "class=\"c\" d=\"M0 41L0 41L0 15L4 15L4 39L6 39L6 41L478 41L478 28.1L480 28.1L480 41Z\"") !=
            NULL,
        "%s", text);
    ck_assert_uint_eq(count(text, "class=\"limit\""), 1);
    ck_assert_uint_eq(count(text, "class=\"full\""), 1);
    ck_assert_msg(strstr(text, "x=\"0\" y=\"0\" width=\"20\"") != NULL, "%s", text);
    tca_buf_done(&out);
}
END_TEST

/* More times than there is room for: the first ones, and nothing breaks. */
START_TEST(spans)
{
    struct tca_chart chart;
    struct tca_buf out = {0};
    tca_chart_begin(&chart, 0, 1000);
    for (int at = 0; at < 2 * TCA_CHART_SPANS; at++)
        tca_chart_span(&chart, at * 1000, at * 1000, "full");
    tca_chart_end(&chart, "t", "", &out);
    ck_assert_uint_eq(count(tca_buf_text(&out), "class=\"full\""), TCA_CHART_SPANS);
    tca_buf_done(&out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("chart");

    add_case(suite, "frames", frames, ROWS(frame_rows));
    add_case(suite, "axes", axes, ROWS(axis_rows));
    add_case(suite, "strips", strips, 1);
    add_case(suite, "spans", spans, 1);
    return run_suite(suite);
}
