/* SPDX-License-Identifier: MIT
 *
 * TCP ports for which Zeek's default scripts register an analyzer (scripts/base/protocols, main.zeek of each): with these
 * loaded, likely_server_ports holds them. Who adds ports to it gets other roles where no SYN was captured.
 */
#include "peer/zeek.h"

#include <stddef.h>

static const uint16_t likely[] = {
    21,   22,   25,   43,   53,   79,   80,   81,   88,   110,
    135,  139,  143, /* ftp ... imap */
    389,  443,  445,  502,  563,  585,  587,  614,  631,  636,
    989,  990,  992, /* ldap, tls, smb, modbus */
    993,  995,  1080, 1434, 1883, 2811, 3128, 3268, 3306, 3389,
    5222, 5223, 5269,                                            /* socks, mysql, mqtt, rdp, xmpp */
    5432, 6379, 6666, 6667, 6668, 6669, 8000, 8080, 8888, 20000, /* postgresql, redis, irc, dnp3 */
};

bool tca_zeek_likely_port(uint16_t port)
{
    size_t low = 0, high = sizeof likely / sizeof likely[0];
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (likely[middle] == port)
            return true;
        if (likely[middle] < port)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}
