#include "node/load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const char lspci_text[] = "00:01.0 PCI bridge: X\n"
                                 "\tControl: I/O- Mem+ BusMaster+\n"
                                 "\tCapabilities: [40] Express (v2) Root Port (Slot+), MSI 00\n"
                                 "\t\tDevCtl:\tCorrErr- NonFatalErr- FatalErr- UnsupReq-\n";
static const char header[64] = {0x86, (char)0x80, 0x34, 0x12, 0x02};

/* A copy of sysfs taken without root, beside the lspci of somebody who was root. */
static void the_text_of_root_says_more_than_64_bytes(void **state)
{
    static const char *const names[] = {"lspci.txt", "box.lspci.txt", "box-lspci-vvv"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct tree_entry entries[] = {
            {.path = names[i], .bytes = STR(lspci_text)},
            {.path = "sys/bus/pci/devices/0000:00:01.0/config", .bytes = {header, sizeof(header)}},
        };
        struct tree tree = {"box/", entries, ARRAY_LEN(entries)};
        struct fact_pool *pool = fact_pool_new(FACT_KEEP_ALL);
        struct loader *loader = loader_new(pool);
        struct loaded loaded;
        struct err err = {0};
        int subject;

        tree_sort(&tree);
        if (loader_load_tree(loader, "box", &tree, &loaded, &err) < 0)
            fail_msg("%s: %s", names[i], err.text);
        subject = node_find(loaded.node, SUBJECT_PCI, STR("0000:00:01.0"));
        assert_true(subject >= 0);
        if (!node_block(loaded.node, (uint32_t)subject, fact_pool_key(pool, STR("Express"))))
            fail_msg("%s: the capabilities of the text are not there", names[i]);
        loaded_done(&loaded);
        loader_free(loader);
        fact_pool_free(pool);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_text_of_root_says_more_than_64_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
