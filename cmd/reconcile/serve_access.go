package main

import (
	"net"
	"net/netip"
	"strings"

	"github.com/spf13/pflag"

	"tenantry/internal/runbook"
)

// accessOptions are the flags of serve about who may do what.
type accessOptions struct {
	tokens         string
	header         string
	proxies        []string
	proxyRole      string
	proxyOperators []string
	hosts          []string
	cert, key      string
}

func (o *accessOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.tokens, "tokens", "", "the `file` of bearer tokens: lines of a role (viewer or operator), a name and a token")
	f.StringVar(&o.header, "trusted-header", "", "the `header` in which a trusted proxy names the user, such as X-Forwarded-User")
	f.StringArrayVar(&o.proxies, "trusted-proxy", nil, "an `address` or network that the header is believed from; repeatable")
	f.StringVar(&o.proxyRole, "proxy-role", string(runbook.Viewer), "what users that the proxy names are: viewer or operator")
	f.StringArrayVar(&o.proxyOperators, "proxy-operator", nil, "a `user` of the proxy's who is an operator; repeatable")
	f.StringArrayVar(&o.hosts, "host", nil, "a `name` that this server goes by, beside localhost; others are then refused; repeatable")
	f.StringVar(&o.cert, "tls-cert", "", "the `file` with the certificate, for TLS")
	f.StringVar(&o.key, "tls-key", "", "the `file` with the certificate's key")
}

// access returns who may do what, and refuses to let everybody in from other
// machines.
func (o *accessOptions) access(listen string) (runbook.Access, error) {
	a := runbook.Access{Header: o.header, ProxyOperators: o.proxyOperators, ProxyRole: runbook.Role(o.proxyRole), TLS: o.cert != ""}
	if err := oneOf("--proxy-role", o.proxyRole, string(runbook.Viewer), string(runbook.Operator)); err != nil {
		return a, err
	}
	if (o.header == "") != (len(o.proxies) == 0) {
		return a, usagef("--trusted-header and --trusted-proxy go together: a header is believed from some addresses only")
	}
	if (o.cert == "") != (o.key == "") {
		return a, usagef("--tls-cert and --tls-key go together")
	}
	for _, p := range o.proxies {
		prefix, err := prefixOf(p)
		if err != nil {
			return a, usagef("--trusted-proxy %q is neither an address nor a network such as 10.0.0.0/8", p)
		}
		a.Proxy = append(a.Proxy, prefix)
	}
	for _, h := range o.hosts {
		a.Hosts = append(a.Hosts, strings.ToLower(h))
	}
	if o.tokens != "" {
		file, err := runbook.NewTokenFile(o.tokens)
		if err != nil {
			return a, usageError{err}
		}
		a.Tokens = file
	}
	a.Local = o.tokens == "" && o.header == ""
	if a.Local && !onLoopback(listen) {
		return a, usagef("--listen %s is open to other machines, and anybody could change the databases: give --tokens, or --trusted-header and --trusted-proxy", listen)
	}
	return a, nil
}

func prefixOf(text string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(address.Unmap(), address.Unmap().BitLen()), nil
	}
	return netip.ParsePrefix(text)
}

// onLoopback reports whether only this machine reaches an address. A name other
// than localhost may be any.
func onLoopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	address, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && address.Unmap().IsLoopback()
}
