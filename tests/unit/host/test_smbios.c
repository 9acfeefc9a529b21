#include "support/parsed.h"

#include "host/dmidecode.h"
#include "host/smbios.h"

#include <unistd.h>

/* A table under construction. */
struct maker {
    struct buf bytes;
    unsigned handle;
};

static void put(struct maker *maker, unsigned type, const uint8_t *body, size_t len,
                const char *const *strings, size_t count)
{
    uint8_t head[4] = {(uint8_t)type, (uint8_t)(len + 4), (uint8_t)maker->handle, 0};

    maker->handle++;
    buf_add(&maker->bytes, (const char *)head, 4);
    buf_add(&maker->bytes, (const char *)body, len);
    for (size_t i = 0; i < count; i++)
        buf_add(&maker->bytes, strings[i], strlen(strings[i]) + 1);
    buf_add(&maker->bytes, "\0", count ? 1 : 2);
}

static void put_bios(struct maker *maker)
{
    uint8_t body[0x18 - 4] = {0};
    static const char *const strings[] = {"American Megatrends Inc.", "1104", "10/23/2025"};

    body[0x04 - 4] = 1;
    body[0x05 - 4] = 2;
    body[0x08 - 4] = 3;
    body[0x14 - 4] = 11;
    body[0x15 - 4] = 4;
    body[0x16 - 4] = 5;
    body[0x17 - 4] = 72;
    put(maker, 0, body, sizeof(body), strings, ARRAY_LEN(strings));
}

static void put_system(struct maker *maker)
{
    uint8_t body[0x1b - 4] = {0};
    static const char *const strings[] = {"Dell Inc.", "PowerEdge XE9680", "HSR8X04"};

    body[0x04 - 4] = 1;
    body[0x05 - 4] = 2;
    body[0x07 - 4] = 3;
    for (unsigned i = 0; i < 16; i++)
        body[0x08 - 4 + i] = (uint8_t)(0x10 + i);
    put(maker, 1, body, sizeof(body), strings, ARRAY_LEN(strings));
}

static void put_board(struct maker *maker)
{
    uint8_t body[0x0f - 4] = {0};
    static const char *const strings[] = {"Dell Inc.", "0KK0RG", "A03", "SN 1"};

    for (uint8_t i = 0; i < 4; i++)
        body[i] = (uint8_t)(i + 1);
    put(maker, 2, body, sizeof(body), strings, ARRAY_LEN(strings));
}

static void put_processor(struct maker *maker, unsigned cores, unsigned enabled, unsigned threads)
{
    uint8_t body[0x30 - 4] = {0};
    static const char *const strings[] = {"CPU1", "Intel", "Intel(R) Xeon(R) Platinum 8480+"};

    body[0x04 - 4] = 1;
    body[0x05 - 4] = 3; /* central processor */
    body[0x07 - 4] = 2;
    body[0x10 - 4] = 3;
    body[0x18 - 4] = 0x41;
    body[0x23 - 4] = (uint8_t)(cores > 255 ? 255 : cores);
    body[0x24 - 4] = (uint8_t)(enabled > 255 ? 255 : enabled);
    body[0x25 - 4] = (uint8_t)(threads > 255 ? 255 : threads);
    body[0x2a - 4] = (uint8_t)cores;
    body[0x2b - 4] = (uint8_t)(cores >> 8);
    body[0x2c - 4] = (uint8_t)enabled;
    body[0x2d - 4] = (uint8_t)(enabled >> 8);
    body[0x2e - 4] = (uint8_t)threads;
    body[0x2f - 4] = (uint8_t)(threads >> 8);
    put(maker, 4, body, sizeof(body), strings, ARRAY_LEN(strings));
}

/* `size` as the table has it: MB, 0 empty, 0xffff unknown, 0x7fff see `extended`. */
static void put_dimm(struct maker *maker, const char *locator, unsigned size, uint32_t extended,
                     unsigned speed, unsigned configured)
{
    uint8_t body[0x5c - 4] = {0};
    const char *const strings[] = {locator, "P0 CHANNEL A", "Hynix", "8ABC1234", "HMCG94AGBRA"};

    body[0x0c - 4] = (uint8_t)size;
    body[0x0d - 4] = (uint8_t)(size >> 8);
    body[0x0e - 4] = 9; /* DIMM */
    body[0x10 - 4] = 1;
    body[0x11 - 4] = 2;
    body[0x12 - 4] = 0x22; /* DDR5 */
    body[0x15 - 4] = (uint8_t)speed;
    body[0x16 - 4] = (uint8_t)(speed >> 8);
    body[0x17 - 4] = 3;
    body[0x18 - 4] = 4;
    body[0x1a - 4] = 5;
    body[0x1b - 4] = 2;
    for (unsigned i = 0; i < 4; i++)
        body[0x1c - 4 + i] = (uint8_t)(extended >> 8 * i);
    body[0x20 - 4] = (uint8_t)configured;
    body[0x21 - 4] = (uint8_t)(configured >> 8);
    put(maker, 17, body, sizeof(body), strings, ARRAY_LEN(strings));
}

static struct maker make_table(void)
{
    struct maker maker = {0};
    static const char *const other[] = {"some option"};
    static const uint8_t count[1] = {1};

    put_bios(&maker);
    put_system(&maker);
    put_board(&maker);
    put(&maker, 12, count, 1, other, 1);
    put_processor(&maker, 56, 52, 104);
    put_processor(&maker, 288, 288, 576);
    put_dimm(&maker, "A1", 0x7fff, 98304, 6400, 5600);
    put_dimm(&maker, "A2", 0, 0, 0, 0);
    put_dimm(&maker, "A3", 16384, 0, 6400, 6400);
    put_dimm(&maker, "A4", 0xffff, 0, 0, 0);
    put_dimm(&maker, "A5", 0x8000 | 0x4000, 0, 133, 0);
    put(&maker, 127, NULL, 0, NULL, 0);
    assert_false(maker.bytes.failed);
    return maker;
}

/* A file as `dmidecode --dump-bin` writes it: the entry point, zeros up to 0x20, the table. */
static struct buf make_dump(const struct maker *maker, unsigned version)
{
    uint8_t entry[0x20] = "_SM3_";
    uint8_t sum = 0;
    struct buf dump = {0};

    entry[6] = 0x18;
    entry[7] = (uint8_t)(version >> 8);
    entry[8] = (uint8_t)version;
    entry[10] = 1;
    for (unsigned i = 0; i < 4; i++)
        entry[0x0c + i] = (uint8_t)(maker->bytes.len >> 8 * i);
    entry[0x10] = 0x20;
    for (unsigned i = 0; i < 0x18; i++)
        sum = (uint8_t)(sum + entry[i]);
    entry[5] = (uint8_t)-sum;
    buf_add(&dump, (const char *)entry, sizeof(entry));
    buf_add(&dump, maker->bytes.p, maker->bytes.len);
    return dump;
}

static const char *dimm_fact(const struct parsed *f, const char *slot, const char *path)
{
    return parsed_get(f, SUBJECT_DIMM, slot, path);
}

static void test_a_table_gives_its_facts(void **state)
{
    struct maker maker = make_table();
    struct buf dump = make_dump(&maker, 0x0305);
    struct parsed f = parsed_new(FACT_KEEP_ALL);

    (void)state;
    parsed_text(&f, smbios_dump_parse, "dmi.bin", (struct str){dump.p, dump.len});
    assert_string_equal(parsed_host(&f, "bios.version"), "1104");
    assert_string_equal(parsed_host(&f, "bios.revision"), "11.4");
    assert_string_equal(parsed_host(&f, "bios.firmware_revision"), "5.72");
    assert_string_equal(parsed_host(&f, "system.product"), "PowerEdge XE9680");
    assert_string_equal(parsed_host(&f, "system.uuid"), "13121110-1514-1716-1819-1a1b1c1d1e1f");
    assert_string_equal(parsed_host(&f, "board.product"), "0KK0RG");
    assert_string_equal(parsed_host(&f, "socket.0.cores_enabled"), "52");
    assert_string_equal(parsed_host(&f, "socket.1.threads"), "576");
    assert_string_equal(parsed_host(&f, "dimm.slots"), "5");
    assert_string_equal(parsed_host(&f, "dimm.count"), "4");
    assert_string_equal(parsed_host(&f, "dimm.speed"), "mixed: 133 5600 6400");
    assert_string_equal(dimm_fact(&f, "A1", "DIMM.size_mb"), "98304");
    assert_string_equal(dimm_fact(&f, "A1", "DIMM.configured"), "5600");
    assert_string_equal(dimm_fact(&f, "A2", "DIMM.size_mb"), "0");
    assert_string_equal(dimm_fact(&f, "A4", "DIMM.size_mb"), "(absent)");
    assert_string_equal(dimm_fact(&f, "A5", "DIMM.size_mb"), "16");
    assert_int_equal(f.node->unseen_count, 0);
    parsed_prefixes(smbios_dump_parse, NULL, (struct str){dump.p, dump.len});
    parsed_done(&f);
    buf_done(&dump);
    buf_done(&maker.bytes);
}

static void test_a_uuid_before_2_6_is_not_swapped(void **state)
{
    struct maker maker = make_table();
    struct buf dump = make_dump(&maker, 0x0205);
    struct parsed f = parsed_new(FACT_KEEP_ALL);

    (void)state;
    parsed_text(&f, smbios_dump_parse, "dmi.bin", (struct str){dump.p, dump.len});
    assert_string_equal(parsed_host(&f, "system.uuid"), "10111213-1415-1617-1819-1a1b1c1d1e1f");
    parsed_done(&f);
    buf_done(&dump);
    buf_done(&maker.bytes);
}

static void test_a_cut_table_gives_what_it_has_and_says_so(void **state)
{
    struct maker maker = make_table();
    struct parsed f = parsed_new(FACT_KEEP_ALL);
    struct err err = {0};
    struct str text = {maker.bytes.p, 80};
    uint16_t source = node_source(f.node, "DMI", "smbios", text);

    (void)state;
    assert_int_equal(smbios_parse(f.node, source, text, STR(""), &err), 0);
    assert_string_equal(parsed_host(&f, "bios.version"), "1104");
    assert_true(parsed_unseen(&f, "ends within the structure"));
    parsed_done(&f);
    buf_done(&maker.bytes);
}

static void test_a_file_that_leads_nowhere_is_unseen(void **state)
{
    struct parsed f = parsed_new(FACT_KEEP_ALL);

    (void)state;
    parsed_text(&f, smbios_dump_parse, "dmi.bin", STR("no entry point"));
    assert_true(parsed_unseen(&f, "no SMBIOS entry point"));
    parsed_done(&f);
}

/* Every fact of a's subject that stands on b's too must be equal, and none may be missing. */
static void assert_same_facts(const struct parsed *a, const struct parsed *b)
{
    size_t compared = 0;

    for (uint32_t s = 0; s < a->node->subject_count; s++) {
        const struct subject *subject = &a->node->subjects[s];
        int other = node_find(b->node, subject->kind, str_of(subject->name));

        assert_true(other >= 0);
        for (uint32_t r = 0; r < subject->count; r++) {
            const struct fact_block *block = subject->refs[r].block;

            for (uint32_t k = 0; k < block->count; k++, compared++) {
                const char *name = fact_key_name(a->pool, block->facts[k].key);
                struct fact_at at =
                    node_fact(b->node, (uint32_t)other, fact_pool_key(b->pool, str_of(name)));

                if (!at.fact || strcmp(at.fact->text, block->facts[k].text))
                    fail_msg("%s %s: %s and %s", subject->name, name, block->facts[k].text,
                             (at.fact ? at.fact->text : "(absent)"));
            }
        }
    }
    assert_true(compared > 40);
}

/* The same table, once decoded by us and once printed by dmidecode and read by us. */
static void test_dmidecode_prints_the_same(void **state)
{
    struct maker maker = make_table();
    struct buf dump = make_dump(&maker, 0x0305), text = {0};
    struct parsed f = parsed_new(FACT_KEEP_ALL), g = parsed_new(FACT_KEEP_ALL);
    char path[] = "/tmp/test_smbios_XXXXXX", command[128];
    int fd = mkstemp(path);
    size_t n;
    char chunk[4096];
    FILE *pipe;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, dump.p, dump.len), dump.len);
    (void)close(fd);
    (void)snprintf(command, sizeof(command),
                   "PATH=$PATH:/usr/sbin:/sbin dmidecode --from-dump %s 2>/dev/null", path);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    while ((n = fread(chunk, 1, sizeof(chunk), pipe)) > 0)
        buf_add(&text, chunk, n);
    (void)pclose(pipe);
    (void)unlink(path);
    if (text.len) {
        parsed_text(&f, smbios_dump_parse, "dmi.bin", (struct str){dump.p, dump.len});
        parsed_text(&g, dmidecode_parse, "dmidecode.txt", (struct str){text.p, text.len});
        assert_same_facts(&f, &g);
        assert_same_facts(&g, &f);
    }
    n = text.len;
    parsed_done(&f);
    parsed_done(&g);
    buf_done(&dump);
    buf_done(&text);
    buf_done(&maker.bytes);
    if (!n) {
        print_message("dmidecode is not installed here\n");
        skip();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_table_gives_its_facts),
        cmocka_unit_test(test_a_uuid_before_2_6_is_not_swapped),
        cmocka_unit_test(test_a_cut_table_gives_what_it_has_and_says_so),
        cmocka_unit_test(test_a_file_that_leads_nowhere_is_unseen),
        cmocka_unit_test(test_dmidecode_prints_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
