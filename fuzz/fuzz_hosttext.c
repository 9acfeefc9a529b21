/* Any bytes to every text parser of the table: the first byte picks the row. */
#include "fuzz_node.h"
#include "host/parser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const kinds[] = {
        "cmdline",   "cpuinfo",   "lscpu",  "meminfo",   "numactl", "os-release",
        "uname",     "version",   "uptime", "modules",   "sysctl",  "limits",
        "systemctl", "packages",  "df",     "mounts",    "chronyc", "timedatectl",
        "ipmitool",  "ofed_info", "dmesg",  "dmidecode",
    };
    struct node *node;
    struct str text;
    struct err err;
    const struct parser *parser;

    if (!size)
        return 0;
    parser = parser_by_kind(kinds[data[0] % ARRAY_LEN(kinds)]);
    text = (struct str){(const char *)data + 1, size - 1};
    node = fuzz_node_new();
    if (parser->parse(node, node_source(node, "text", parser->kind, text), text, &err) < 0)
        abort();
    (void)parser_for("x", text);
    fuzz_node_free(node);
    return 0;
}
