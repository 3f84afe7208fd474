/* SPDX-License-Identifier: MIT
 *
 * Community ID version 1: the vectors of its specification (TCP over IPv4 and IPv6, seeds 0 and 1), in both directions,
 * and that ports decide where addresses are equal.
 */
#include <arpa/inet.h>
#include <string.h>

#include "report/community.h"
#include "suite.h"

struct vector {
    const char *source, *destination;
    uint16_t sport, dport, seed;
    const char *id;
};

static const struct vector vectors[] = {
    {"128.232.110.120", "66.35.250.204", 34855, 80, 0, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
    {"66.35.250.204", "128.232.110.120", 80, 34855, 0, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
    {"128.232.110.120", "66.35.250.204", 34855, 80, 1, "1:3V71V58M3Ksw/yuFALMcW0LAHvc="},
    {"66.35.250.204", "128.232.110.120", 80, 34855, 1, "1:3V71V58M3Ksw/yuFALMcW0LAHvc="},
    {"2001:470:e5bf:dead:4957:2174:e82c:4887", "2607:f8b0:400c:c03::1a", 63943, 25, 0,
     "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4="},
    {"2607:f8b0:400c:c03::1a", "2001:470:e5bf:dead:4957:2174:e82c:4887", 25, 63943, 0,
     "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4="},
    {"2001:470:e5bf:dead:4957:2174:e82c:4887", "2607:f8b0:400c:c03::1a", 63943, 25, 1,
     "1:eJYTW6AOzFLlSUoESovMjnu7rMw="},
};

static struct tca_dossier *dossier_of(const char *address[2], const uint16_t port[2])
{
    static struct tca_dossier d;
    memset(&d, 0, sizeof d);
    d.family = strchr(address[0], ':') ? 6 : 4;
    for (int role = 0; role < 2; role++) {
        d.port[role] = port[role];
        if (d.family == 6) {
            ck_assert_int_eq(inet_pton(AF_INET6, address[role], d.addr[role]), 1);
            continue;
        }
        d.addr[role][10] = d.addr[role][11] = 0xff;
        ck_assert_int_eq(inet_pton(AF_INET, address[role], d.addr[role] + 12), 1);
    }
    return &d;
}

START_TEST(test_vector)
{
    const struct vector *row = &vectors[_i];
    const char *address[2] = {row->source, row->destination};
    const uint16_t port[2] = {row->sport, row->dport};
    struct tca_buf id = {0};
    tca_community_id(dossier_of(address, port), NULL, row->seed, &id);
    ck_assert_str_eq(tca_buf_text(&id), row->id);
    tca_buf_done(&id);
}
END_TEST

START_TEST(test_same_address)
{
    const char *address[2] = {"127.0.0.1", "127.0.0.1"};
    const uint16_t there[2] = {40000, 80}, back[2] = {80, 40000};
    struct tca_buf id = {0}, reply = {0};
    tca_community_id(dossier_of(address, there), NULL, 0, &id);
    tca_community_id(dossier_of(address, back), NULL, 0, &reply);
    ck_assert_str_eq(tca_buf_text(&id), tca_buf_text(&reply));
    tca_buf_done(&id);
    tca_buf_done(&reply);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("community");
    add_case(suite, "vectors", test_vector, ROWS(vectors));
    add_case(suite, "same address", test_same_address, 1);
    return run_suite(suite);
}
