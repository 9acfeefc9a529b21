#include "host/ibnetdiscover.h"

#include "host/ibstat.h"
#include "support/parsed.h"

static const char fabric[] =
    "switchguid=0xff08c43215bae48(ff08c43215bae48)\n"
    "Switch  41 \"S-0ff08c43215bae48\"   # \"MF0;leaf1:MQM8700/U1\" enhanced port 0 lid 556 lmc 0\n"
    "[1]  \"H-0ff08c4321664e96\"[1](ff08c4321664e97)  # \"n001 mlx5_0\" lid 1181 4xHDR s=4 w=2\n"
    "[9]  \"H-0ff08c43217299f2\"[1](ff08c43217299f2)  # \"n002 mlx5_0\" lid 3191 1xHDR s=4 w=2\n"
    "[25] \"S-0ff08c432172aa1a\"[1]  # \"MF0;spine1:MQM8700/U1\" lid 226 4xHDR s=4 w=2 v=4 e=4\n"
    "\n"
    "Ca  1 \"H-0ff08c4321664e96\"  # \"n001 mlx5_0\"\n"
    "[1](ff08c4321664e97)  \"S-0ff08c43215bae48\"[1]  # lid 1181 lmc 0 \"leaf1\" lid 556 4xHDR\n";

static void a_port_knows_its_switch_port_by_guid(void **state)
{
    static const char *const stats[] = {
        "CA 'mlx5_0'\n\tNode GUID: 0x0ff08c4321664e96\n\tPort 1:\n\t\tState: Active\n",
        "CA 'mlx5_0'\n\tPort 1:\n\t\tState: Active\n\t\tPort GUID: 0x0ff08c4321664e97\n",
    };

    (void)state;
    assert_true(ibnetdiscover_looks_like(str_of(fabric)));
    for (size_t i = 0; i < ARRAY_LEN(stats); i++) {
        struct parsed p = parsed_new(FACT_KEEP_ALL);

        parsed_text(&p, ibstat_parse, "ibstat", str_of(stats[i]));
        parsed_text(&p, ibnetdiscover_parse, "ibnetdiscover", str_of(fabric));
        assert_fact(&p, SUBJECT_IB_PORT, "mlx5_0/1", "fabric.peer", "MF0;leaf1:MQM8700/U1 port 1");
        assert_fact(&p, SUBJECT_IB_PORT, "mlx5_0/1", "fabric.link", "4xHDR");
        assert_fact(&p, SUBJECT_HOST, "", "fabric.switches", "1");
        assert_fact(&p, SUBJECT_HOST, "", "fabric.adapters", "1");
        assert_fact(&p, SUBJECT_HOST, "", "fabric.links.4xHDR", "2");
        assert_fact(&p, SUBJECT_HOST, "", "fabric.links.1xHDR", "1");
        parsed_done(&p);
    }
}

static void a_port_without_guid_is_known_by_its_description(void **state)
{
    struct parsed p = parsed_new(FACT_KEEP_ALL);

    (void)state;
    fact_begin(p.builder, STR("os"));
    fact_text(p.builder, FACT_IDENTITY, 0, fact_key(p.builder, STR(""), STR("hostname")),
              STR("n002"));
    node_attach(p.node, 0, fact_end(p.builder), 0, 1);
    parsed_text(&p, ibstat_parse, "ibstat", STR("CA 'mlx5_0'\n\tPort 1:\n\t\tState: Active\n"));
    parsed_text(&p, ibnetdiscover_parse, "ibnetdiscover", str_of(fabric));
    assert_fact(&p, SUBJECT_IB_PORT, "mlx5_0/1", "fabric.peer", "MF0;leaf1:MQM8700/U1 port 9");
    assert_fact(&p, SUBJECT_IB_PORT, "mlx5_0/1", "fabric.link", "1xHDR");
    parsed_done(&p);
}

static void every_prefix_is_read_inside_its_bytes(void **state)
{
    (void)state;
    parsed_prefixes(ibnetdiscover_parse, ibnetdiscover_looks_like, str_of(fabric));
}

static void the_superbench_fabric_is_counted(void **state)
{
    struct str text = parsed_machine("superbench-ib_traffic_topo_aware_ibnetdiscover.txt");
    struct parsed p = parsed_new(FACT_KEEP_ALL);

    (void)state;
    assert_true(ibnetdiscover_looks_like(text));
    parsed_text(
        &p, ibstat_parse, "ibstat",
        STR("CA 'mlx5_0'\n\tPort 1:\n\t\tState: Active\n\t\tPort GUID: 0x1c34da03005baca4\n"));
    parsed_text(&p, ibnetdiscover_parse, "ibnetdiscover", text);
    assert_fact(&p, SUBJECT_IB_PORT, "mlx5_0/1", "fabric.peer",
                "MF0;rmd70-0101-0919-03ib0:MQM8700/U1 port 1");
    assert_true(parsed_fact(&p, SUBJECT_HOST, "", "fabric.switches")->number > 4);
    parsed_done(&p);
    free((char *)text.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_port_knows_its_switch_port_by_guid),
        cmocka_unit_test(a_port_without_guid_is_known_by_its_description),
        cmocka_unit_test(every_prefix_is_read_inside_its_bytes),
        cmocka_unit_test(the_superbench_fabric_is_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
