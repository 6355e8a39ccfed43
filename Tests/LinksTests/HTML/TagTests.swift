import Testing

@testable import Links

/// Pages and the links that a browser has in them.
@Suite struct TagTests {
    @Test(arguments: [
        ("<a href=x>", ["x"]), ("<A HREF=x>", ["x"]), ("<a href='x'>", ["x"]),
        ("<a href=\"x\">", ["x"]), ("<a\nhref\n=\n'x'\n>", ["x"]), ("<a\thref=x\u{C}>", ["x"]),
        ("<a/href=x>", ["x"]), ("<a / / href=x>", ["x"]), ("<a href=x/>", ["x/"]),
        ("<a href='x'/>", ["x"]), ("<a class='>' href=x>", ["x"]), ("<a b='\"' href=x>", ["x"]),
        ("<a href=x href=y>", ["x"]), ("<a id=1 href=x title=y>", ["x"]),
        ("<a b=\"1\"href=x>", ["x"]), ("<a href=\"x\"y>", ["x"]), ("<a =href=x>", []),
        ("<a = href=x>", ["x"]), ("<a href==x>", ["=x"]), ("<a href=x\"y>", ["x%22y"]),
        ("<a href=x<b>", ["x%3Cb"]), ("<a href=1<a href=2>", ["1%3Ca"]),
        ("<a href='<b>'>", ["%3Cb%3E"]),
        ("<area href=x>", ["x"]), ("<a>", []), ("<a name=x>", []), ("<ahref=x>", []),
        ("<abbr href=x>", []), ("</a href=x>", []), ("<a data-href=x>", []),
        ("< a href=x>", []), ("<\na href=x>", []), ("<<a href=x>", ["x"]),
        ("<a <a href=x>", ["x"]), ("<a href=x", []), ("<a href='x", []), ("<a href='x'", []),
        ("a<b <a href=x>", []), ("a<b> <a href=x>", ["x"]), ("1 < 2 <a href=x>", ["x"]),
        ("<a href=x></a><a href=y>", ["x", "y"]),
        ("</><a href=x>", ["x"]), ("</ <a href=x>", []), ("</ a><a href=x>", ["x"]),
        ("</3><a href=x>", ["x"]), ("<3<a href=x>", ["x"]), ("<b/><a href=x>", ["x"]),
        ("<a\0href=x>", []), ("<a hre\0f=x>", []), ("<a href=x\0y>", ["x%EF%BF%BDy"]),
        ("<a href >", []), ("<a href= >", []), ("<a href=x y=z href=w>", ["x"]),
        ("<img src=x><form action=y><script src=z></script><iframe src=w></iframe>", []),
        ("<img srcset='x 1x, y 2x'>", []), ("<link href=x>", []),
        ("<link rel=stylesheet href=x>", []), ("<link rel=next href=x>", ["x next"]),
        ("<link rel='prefetch NEXT' href=x>", ["x next"]), ("<a rel=next href=x>", ["x next"]),
        ("<frame src=x>", []), ("<a ping=x>", []), ("<svg><a xlink:href=x>", []),
    ])
    func findsLinks(page: String, expected: [String]) {
        #expect(links(page) == expected)
    }

    @Test(arguments: [
        ("<!-- <a href=x> --><a href=y>", ["y"]), ("<!--><a href=y>", ["y"]),
        ("<!---><a href=y>", ["y"]), ("<!----><a href=y>", ["y"]), ("<!-----><a href=y>", ["y"]),
        ("<!-- --!><a href=y>", ["y"]), ("<!-- --!-><a href=x>--><a href=y>", ["y"]),
        ("<!-- -- ><a href=x>--><a href=y>", ["y"]), ("<!-- ---><a href=y>", ["y"]),
        ("<!-- <!-- --><a href=y>", ["y"]), ("<!--<!--><a href=y>", ["y"]),
        ("<!-- --!--!><a href=y>", ["y"]), ("<!-- -><a href=x>", []),
        ("<!- <a href=x>", []), ("<!- ><a href=y>", ["y"]), ("<!><a href=y>", ["y"]),
        ("<!x><a href=y>", ["y"]), ("<?x ?><a href=y>", ["y"]),
        ("<?x <a href=x> ?><a href=y>", ["y"]),
        ("<!DOCTYPE html><a href=y>", ["y"]), ("<!DOCTYPE \"><a href=y>\">", ["y"]),
        ("<![CDATA[<a href=x>]]><a href=y>", ["y"]), ("<![CDATA[><a href=y>]]>", ["y"]),
        ("<svg><![CDATA[><a href=x>]]><a href=y>", ["y"]),
        ("<svg><![CDATA[]]]><a href=y>", ["y"]), ("<svg><![CDAT><a href=y>", ["y"]),
        ("<svg></svg><![CDATA[><a href=y>", ["y"]), ("<!---", []), ("<!--<a href=x>", []),
    ])
    func readsComments(page: String, expected: [String]) {
        #expect(links(page) == expected)
    }

    @Test(arguments: [
        ("<title><a href=x></title><a href=y>", ["y"]),
        ("<textarea><a href=x></textarea><a href=y>", ["y"]),
        ("<style><a href=x></style><a href=y>", ["y"]),
        ("<xmp><a href=x></xmp><a href=y>", ["y"]),
        ("<iframe><a href=x></iframe><a href=y>", ["y"]),
        ("<noembed><a href=x></noembed><a href=y>", ["y"]),
        ("<noframes><a href=x></noframes><a href=y>", ["y"]),
        ("<noscript><a href=x></noscript><a href=y>", ["x", "y"]),
        ("<plaintext><a href=x></plaintext><a href=y>", []),
        ("<title><a href=x></TITLE ><a href=y>", ["y"]),
        ("<title></titles><a href=x></title/><a href=y>", ["y"]),
        ("<title></ title><a href=x></title b=c><a href=y>", ["y"]),
        ("<title></<a href=x></title><a href=y>", ["y"]), ("<title/><a href=x>", []),
        ("<style><!-- </style><a href=y>--></style>", ["y"]),
        ("<title></script></title><a href=y>", ["y"]),
        ("<title><!--<script></title><a href=y>", ["y"]),
        ("<title></title=><a href=x></title><a href=y>", ["y"]),
        ("<template><a href=x></template>", ["x"]), ("</title><a href=y>", ["y"]),
        ("<svg><title><a href=x></title></svg>", ["x"]), ("<svg><style/><a href=x>", ["x"]),
        ("<svg></math><style/><a href=x>", ["x"]), ("<svg><svg></svg><style/><a href=x>", ["x"]),
        ("<svg><title><style><a href=x></style></title><style/><a href=y>", ["y"]),
        ("<svg><desc></desc><style/><a href=y>", ["y"]), ("<svg><p></svg><style><a href=x>", []),
        ("<svg/><style><a href=x></style>", []), ("<svg><p><style><a href=x></style>", []),
        ("<svg><foreignObject><style><a href=x></style></foreignObject><style><a href=y>", ["y"]),
        ("<svg></svg><style><a href=x>", []), ("<math><style><a href=x>", ["x"]),
        ("</foreignObject><style><a href=x>", []),
    ])
    func readsText(page: String, expected: [String]) {
        #expect(links(page) == expected)
    }

    @Test(arguments: [
        ("<script><a href=x></script><a href=y>", ["y"]),
        ("<script>if(a<b)'</scr'+'ipt><a href=x>'</script><a href=y>", ["y"]),
        ("<script><!-- </script><a href=y>", ["y"]),
        ("<script><!-- <script> </script><a href=x>--></script><a href=y>", ["y"]),
        ("<script><!-- <script></script></script><a href=y>", ["y"]),
        ("<script><!--<script>--></script><a href=y>", ["y"]),
        ("<script><!-- <scripts> </script><a href=y>", ["y"]),
        ("<script><!-- <SCRIPT\n> </script ><a href=x></script><a href=y>", ["y"]),
        ("<script><!--><script></script><a href=y>", ["y"]),
        ("<script><!- <script></script><a href=y>", ["y"]),
        ("<script><! <script></script><a href=y>", ["y"]),
        ("<script><!-- - -- <script> - -- </script> --></script><a href=y>", ["y"]),
        ("<script><!-- <script> </scripts></script></script><a href=y>", ["y"]),
        ("<script><!-- <</script><a href=y>", ["y"]), ("<script></</script><a href=y>", ["y"]),
        ("<script>//</script\u{C}><a href=y>", ["y"]), ("<script></script", []),
        ("<script src=a /><a href=x></script><a href=y>", ["y"]),
    ])
    func readsScripts(page: String, expected: [String]) {
        #expect(links(page) == expected)
    }

    @Test(arguments: [
        ("&amp;", "&"), ("&amp", "&"), ("&ampx", "&ampx"), ("&amp=", "&amp="), ("a&amp;b", "a&b"),
        ("&AMP;", "&"), ("&Amp;", "&Amp;"), ("&lt;&gt;&quot;&apos;", "<>\"'"), ("&apos", "&apos"),
        ("&eacute;", "é"), ("&eacute", "é"), ("&eacutes", "&eacutes"), ("&copy=1", "&copy=1"),
        ("&copy", "©"), ("&copy;=1", "©=1"), ("&not;in", "¬in"), ("&notin;", "∉"),
        ("&notit;", "&notit;"), ("&not", "¬"), ("&", "&"), ("&;", "&;"), ("&&amp;", "&&"),
        ("& amp;", "& amp;"), ("&x;", "&x;"), ("&#38;", "&"), ("&#38", "&"), ("&#x26;", "&"),
        ("&#X26", "&"), ("&#x26g", "&g"), ("&#;", "&#;"), ("&#x;", "&#x;"), ("&#0;", "\u{FFFD}"),
        ("&#xD800;", "\u{FFFD}"), ("&#x110000;", "\u{FFFD}"),
        ("&#99999999999999999999;", "\u{FFFD}"),
        ("&#128;", "€"), ("&#x9F;", "Ÿ"), ("&#129;", "\u{81}"), ("&#x1F600;", "😀"),
        ("&NotEqualTilde;", "≂̸"), ("&CounterClockwiseContourIntegral;", "∳"),
        ("&CounterClockwiseContourIntegrals;", "&CounterClockwiseContourIntegrals;"),
        ("&frac12;", "½"), ("&there4;", "∴"), ("&sup2", "²"), ("&amp;amp;", "&amp;"),
    ])
    func decodesReferences(value: String, expected: String) {
        #expect(
            String(decoding: CharacterReferences.decode(Array(value.utf8)), as: UTF8.self)
                == expected)
    }
}
