/* SPDX-License-Identifier: MIT
 *
 * report/svg: what is written is XML whatever the words are, numbers are exact, and words are measured, cut and broken so
 * that they stay where there is room.
 */
#include "report/svg.h"

#include <string.h>

#include "suite.h"

static const struct tca_svg_font plain = {.size = 100}, bold = {.size = 100, .bold = true};

/* ---- words ---- */

static const struct {
    const char *text, *escaped, *why;
} escape_rows[] = {
    {"", "", "nothing"},
    {"SYN seq=0", "SYN seq=0", "plain"},
    {"<script>alert('1')</script>", "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;", "an element"},
    {"a & b \"c\"", "a &amp; b &quot;c&quot;", "an attribute"},
    {"]]>", "]]&gt;", "the end of a section"},
    {"&#60;&amp;", "&amp;#60;&amp;amp;", "what is escaped already is text"},
    {"\x1b[31m\n\t\x7f", "\\x1b[31m\\x0a\\x09\\x7f", "control characters"},
    {"\xc2\x85", "\\xc2\\x85", "one of two bytes"},
    {"\xff\xfe", "\\xff\\xfe", "no UTF-8"},
    {"\xed\xa0\x80", "\\xed\\xa0\\x80", "a surrogate"},
    {"\xc0\xbc", "\\xc0\\xbc", "a longer form of <"},
    {"\xef\xbf\xbe\xef\xbf\xbf", "\\xef\\xbf\\xbe\\xef\\xbf\\xbf", "no characters of XML"},
    {"\xf0\x9f\xbf\xbe", "\\xf0\\x9f\\xbf\\xbe", "neither in other planes"},
    {"a\xe2\x80\xae"
     "b",
     "a\\xe2\\x80\\xae"
     "b",
     "what turns the direction"},
    {"\xe2\x80\x8b", "\\xe2\\x80\\x8b", "what has no shape"},
    {"\xc3\xa4\xe2\x86\x92\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x86\x92\xf0\x9f\x98\x80", "other scripts"},
};

START_TEST(escapes)
{
    struct tca_buf out = {0};
    tca_svg_escape(&out, escape_rows[_i].text);
    ck_assert_msg(strcmp(tca_buf_text(&out), escape_rows[_i].escaped) == 0, "%s: %s", escape_rows[_i].why,
                  tca_buf_text(&out));
    tca_buf_done(&out);
}
END_TEST

static const struct {
    const char *text;
    const struct tca_svg_font *font;
    int32_t width;
} width_rows[] = {
    {"", &plain, 0},           {"A", &plain, 69}, /* 68.5, rounded up */
    {"AA", &plain, 137},                          /* rounded once */
    {"A", &bold, 78},                             /* 77.4 */
    {"\xc3\xa4", &plain, 105}, {"\xe4\xb8\xad", &plain, 140},
    {"\n", &plain, 221}, /* as \x0a is shown: 337 + 592 + 2 * 637 */
};

START_TEST(measures)
{
    ck_assert_int_eq(tca_svg_width(width_rows[_i].text, width_rows[_i].font), width_rows[_i].width);
}
END_TEST

static const struct {
    const char *text;
    int32_t room;
    const char *fits;
} fit_rows[] = {
    {"AAAA", 274, "AAAA"},
    {"AAAA", 273, "AA\xe2\x80\xa6"},
    {"AAAA", 105, "\xe2\x80\xa6"},
    {"", 0, ""},
    {"A", 0, "\xe2\x80\xa6"},
    {"A\xc3\xa4\xc3\xa4", 278, "A\xe2\x80\xa6"},
    {"A\xc3\xa4\xc3\xa4", 279, "A\xc3\xa4\xc3\xa4"},
};

START_TEST(fits)
{
    struct tca_buf out = {0};
    tca_svg_fit(&out, fit_rows[_i].text, fit_rows[_i].room, &plain);
    ck_assert_str_eq(tca_buf_text(&out), fit_rows[_i].fits);
    tca_buf_done(&out);
}
END_TEST

static const struct {
    const char *text;
    int32_t room;
    size_t first;
    const char *why;
} line_rows[] = {
    {"", 100, 0, "nothing"},
    {"AA AA", 1000, 5, "all of it"},
    {"AA AA", 200, 2, "one word"},
    {"AA AA", 137, 2, "that fills the line"},
    {"AA   AA", 250, 2, "blanks are no part of it"},
    {"AAAA", 140, 2, "a word that is too long is broken"},
    {"AA AAAA", 100, 1, "also the first of several"},
    {"\xc3\xa4\xc3\xa4", 105, 2, "not within a character"},
    {"\xc3\xa4", 1, 2, "there is always one"},
    {" A", 1, 1, "or a blank"},
};

START_TEST(breaks)
{
    ck_assert_msg(tca_svg_line_of(line_rows[_i].text, line_rows[_i].room, &plain) == line_rows[_i].first,
                  "%s", line_rows[_i].why);
}
END_TEST

/* ---- elements ---- */

static void draw_begin(struct tca_buf *out)
{
    tca_svg_begin(out, &(struct tca_svg_box){-5, 0, 1000, 205}, "<t>", "d&", "rect{fill:red}");
    tca_svg_end(out);
}

static void draw_rect(struct tca_buf *out)
{
    tca_svg_rect(out, &(struct tca_svg_box){INT32_MIN, INT32_MAX, 10, 1}, 0, "a b");
    tca_svg_rect(out, &(struct tca_svg_box){0, 0, 10, 10}, 25, "");
}

static void draw_path(struct tca_buf *out)
{
    tca_svg_path(out, "p");
    tca_svg_to(out, 0, 5, false);
    tca_svg_to(out, -10, 105, true);
    tca_svg_path_end(out, true);
}

static void draw_group(struct tca_buf *out)
{
    tca_svg_group(out, "g", "f\"1", "]]>");
    tca_svg_line(out, 1, 2, 3, 40, "l");
    tca_svg_group_end(out);
    tca_svg_group(out, NULL, NULL, NULL);
    tca_svg_group_end(out);
}

static void draw_words(struct tca_buf *out)
{
    tca_svg_words(out, 0, 120, TCA_SVG_END, &bold, "w", "a<b");
    tca_svg_words(out, 0, 120, TCA_SVG_START, &plain, "", "c");
    tca_svg_led(out, 0, 0, TCA_SVG_MIDDLE, 95, "w", "<", "&");
}

static const struct {
    void (*draw)(struct tca_buf *out);
    const char *drawn;
} draw_rows[] = {
    {draw_begin,
     "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"100\" height=\"20.5\" "
     "viewBox=\"-0.5 0 100 20.5\" font-family=\"Arial, Helvetica, 'Liberation Sans', 'DejaVu Sans', "
     "sans-serif\">\n<title>&lt;t&gt;</title>\n<desc>d&amp;</desc>\n<style>rect{fill:red}</style>\n"
     "</svg>\n"},
    {draw_rect, "<rect x=\"-214748364.8\" y=\"214748364.7\" width=\"1\" height=\"0.1\" class=\"a b\"/>\n"
                "<rect x=\"0\" y=\"0\" width=\"1\" height=\"1\" rx=\"2.5\"/>\n"},
    {draw_path, "<path class=\"p\" d=\"M0 0.5L-1 10.5Z\"/>\n"},
    {draw_group, "<g class=\"g\" id=\"f&quot;1\">\n<title>]]&gt;</title>\n"
                 "<line x1=\"0.1\" y1=\"0.2\" x2=\"0.3\" y2=\"4\" class=\"l\"/>\n</g>\n<g>\n</g>\n"},
    {draw_words, "<text x=\"0\" y=\"12\" font-size=\"10\" font-weight=\"bold\" text-anchor=\"end\" "
                 "class=\"w\">a&lt;b</text>\n<text x=\"0\" y=\"12\" font-size=\"10\">c</text>\n"
                 "<text x=\"0\" y=\"0\" font-size=\"9.5\" text-anchor=\"middle\" class=\"w\">"
                 "<tspan font-weight=\"bold\">&lt;</tspan> &amp;</text>\n"},
};

START_TEST(draws)
{
    struct tca_buf out = {0};
    draw_rows[_i].draw(&out);
    ck_assert_str_eq(tca_buf_text(&out), draw_rows[_i].drawn);
    tca_buf_done(&out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("svg");

    add_case(suite, "escapes", escapes, ROWS(escape_rows));
    add_case(suite, "measures", measures, ROWS(width_rows));
    add_case(suite, "fits", fits, ROWS(fit_rows));
    add_case(suite, "breaks", breaks, ROWS(line_rows));
    add_case(suite, "draws", draws, ROWS(draw_rows));
    return run_suite(suite);
}
