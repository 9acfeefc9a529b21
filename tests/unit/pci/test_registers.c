#include "pci/registers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Lines of one block; "|" begins a register, ">" goes on with it. `want`: its facts in order. */
static const struct {
    const char *block, *lines, *want;
} rows[] = {
    {"X", "|Reg: A+ B- C:+", "X.Reg.A=+ X.Reg.B=- X.Reg.C=+"},
    {"X", "|Reg:\tA+, B-,", "X.Reg.A=+ X.Reg.B=-"},
    {"X", "|Reg: >A- <B+", "X.Reg.>A=- X.Reg.<B=+"},
    {"X", "|Reg: PME(D0+,D1-,D3cold+) Z-",
     "X.Reg.PME.D0=+ X.Reg.PME.D1=- X.Reg.PME.D3cold=+ X.Reg.Z=-"},
    {"X", "|Reg: Name: a value, Other: 12", "X.Reg.Name=a value X.Reg.Other=12"},
    {"X", "|Reg: Name value; Num 128 bytes, T 5us", "X.Reg.Name=value X.Reg.Num=128 X.Reg.T=5us"},
    {"X", "|Reg: Num 64 bytes Flag- F2+", "X.Reg.Num=64 X.Reg.Flag=- X.Reg.F2=+"},
    {"X", "|Reg: k=1 kk=abc k3='two words' F-",
     "X.Reg.k=1 X.Reg.kk=abc X.Reg.k3='two words' X.Reg.F=-"},
    {"X", "|Reg: Long Name Here+ B-", "X.Reg.Long Name Here=+ X.Reg.B=-"},
    {"X", "|Reg: Sub: A+ B-", "X.Reg.Sub.A=+ X.Reg.Sub.B=-"},
    {"X", "|Reg: A+\n>B- Deep 7", "X.Reg.A=+ X.Reg.B=- X.Reg.Deep=7"},
    {"X", "|Value: 17ns", "X.Value=17ns"},
    {"X", "|One: 1, Two Words: 2, three: 3", "X.One=1 X.Two Words=2 X.three=3"},
    {"X", "|Code: Trigger:1 A- Ptr Name:1f", "X.Code.Trigger=1 X.Code.A=- X.Code.Ptr Name=1f"},
    {"X", "|No table available", "X.No table available=+"},
    {"X", "|<unreadable>", "X.<unreadable>=+"},
    {"X", "|Reg: A+ [...] <?>", "X.Reg.A=+"},
    {"X", "|Reg: a   b \t c", "X.Reg.a=b c"},
    {"Express", "|LnkSta: Speed 2.5GT/s (downgraded), Width x16 (ok)",
     "Express.LnkSta.SpeedMark=downgraded Express.LnkSta.Speed=2.5GT/s#2500 "
     "Express.LnkSta.WidthMark=ok Express.LnkSta.Width=x16#16"},
    {"Express", "|LnkCap: Port #0, Speed 128GT/s, Width x1, ASPM not supported",
     "Express.LnkCap.Port=0 Express.LnkCap.Speed=128GT/s#128000 Express.LnkCap.Width=x1#1 "
     "Express.LnkCap.ASPM=not supported"},
    {"Express", "|LnkCap: ASPM L1, Exit Latency L0s <1us, L1 <8us",
     "Express.LnkCap.ASPM=L1 Express.LnkCap.Exit Latency L1=<8us"},
    {"Express", "|DevCap: Latency L0s <64ns, L1 unlimited",
     "Express.DevCap.Latency L0s=<64ns Express.DevCap.Latency L1=unlimited"},
    {"Express", "|SltCap: X-\n>Slot # 40, PowerLimit 6.500000; Interlock+",
     "Express.SltCap.X=- Express.SltCap.Slot=40 Express.SltCap.PowerLimit=6.5W "
     "Express.SltCap.Interlock=+"},
    {"Express", "|DevCtl: Report errors: Correctable- Unsupported+",
     "Express.DevCtl.CorrErr=- Express.DevCtl.UnsupReq=+"},
    {"SecPCIe", "|LaneErrStat: LaneErr at lane: 0", "SecPCIe.LaneErrStat=lanes 0"},
    {"SecPCIe", "|LaneErrStat: 0", "SecPCIe.LaneErrStat=0"},
    {"DPC", "|DpcSta: Trigger- Reason:0a", "DPC.DpcSta.Trigger=- DPC.DpcSta.Reason=0a#10"},
    {"MSI", "|Address: fee00018  Data: 00ff", "MSI.Address=fee00018#4276092952 MSI.Data=00ff#255"},
    {"X", "|Reg: na\x01me+ ok+", "X.Reg.ok=+"},
    {"X", "|Reg: + - :  = ( , ;", ""},
};

static void a_line_becomes_these_facts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fact_pool *pool = fact_pool_new(FACT_KEEP_ALL);
        struct fact_builder *builder = fact_builder_new(pool);
        struct str rest = str_of(rows[i].lines), line;
        const struct fact_block *block;
        struct registers r;
        struct buf got = {0};

        assert_non_null(builder);
        registers_begin(&r, builder, str_of(rows[i].block));
        for (uint32_t number = 0; str_line(&rest, &line); number++) {
            if (line.p[0] == '|')
                registers_line(&r, number, str_skip(line, 1));
            else
                registers_more(&r, number, str_skip(line, 1));
        }
        block = fact_end(builder);
        assert_non_null(block);
        for (uint32_t k = 0; k < block->count; k++) {
            const struct fact *fact = &block->facts[k];
            char number[24];

            (void)snprintf(number, sizeof(number), "%lld", (long long)fact->number);
            buf_printf(&got, "%s%s=%s", k ? " " : "", fact_key_name(pool, fact->key), fact->text);
            if (fact->type == FACT_NUMBER && strcmp(number, fact->text) != 0)
                buf_printf(&got, "#%s", number);
        }
        if (strcmp(got.p ? got.p : "", rows[i].want) != 0)
            fail_msg("%s\n gave %s\n not  %s", rows[i].lines, got.p ? got.p : "", rows[i].want);
        buf_done(&got);
        fact_builder_free(builder);
        fact_pool_free(pool);
    }
}

static void sizes_speeds_and_widths_are_numbers(void **state)
{
    static const struct {
        int64_t (*parse)(struct str text);
        const char *text;
        int64_t want;
    } values[] = {
        {speed_parse, "2.5GT/s", 2500},
        {speed_parse, "64GT/s", 64000},
        {speed_parse, "unknown", -1},
        {speed_parse, "2..5GT/s", -1},
        {speed_parse, "GT/s", -1},
        {speed_parse, "99999999999GT/s", -1},
        {width_parse, "x16", 16},
        {width_parse, "x0", 0},
        {width_parse, "16", -1},
        {width_parse, "x", -1},
        {size_parse, "128", 128},
        {size_parse, "128K", 131072},
        {size_parse, "64KB", 65536},
        {size_parse, "8E", -1},
        {size_parse, "1X", -1},
        {size_parse, "", -1},
        {size_parse, "99999999999999999999", -1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        if (values[i].parse(str_of(values[i].text)) != values[i].want)
            fail_msg("%s is %lld", values[i].text,
                     (long long)values[i].parse(str_of(values[i].text)));
}

static void a_printed_size_is_read_as_the_same(void **state)
{
    char text[SIZE_TEXT_MAX];

    (void)state;
    for (uint64_t bytes = 1; bytes < (uint64_t)1 << 58; bytes *= 2) {
        struct str printed = size_print(bytes + (bytes > 2 ? 1 : 0), text);

        assert_int_equal(size_parse(printed), bytes + (bytes > 2 ? 1 : 0));
        assert_int_equal(size_parse(size_print(bytes, text)), bytes);
    }
    assert_true(str_is(size_print((uint64_t)32 << 30, text), "32G"));
    assert_true(str_is(size_print(0, text), "0"));
}

static void cutting_a_line_anywhere_reads_nothing_past_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t len = 1; len <= strlen(rows[i].lines); len++) {
            struct fact_pool *pool = fact_pool_new(FACT_KEEP_ALL);
            struct fact_builder *builder = fact_builder_new(pool);
            char *exact = malloc(len);
            struct registers r;

            assert_non_null(exact);
            memcpy(exact, rows[i].lines, len);
            registers_begin(&r, builder, STR("Express"));
            registers_line(&r, 0, (struct str){exact, len});
            registers_more(&r, 1, (struct str){exact, len});
            assert_non_null(fact_end(builder));
            free(exact);
            fact_builder_free(builder);
            fact_pool_free(pool);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_becomes_these_facts),
        cmocka_unit_test(sizes_speeds_and_widths_are_numbers),
        cmocka_unit_test(a_printed_size_is_read_as_the_same),
        cmocka_unit_test(cutting_a_line_anywhere_reads_nothing_past_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
