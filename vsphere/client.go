package vsphere

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/uclab/uclab/plan"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// Client is a session with one target. It is safe for concurrent use.
type Client struct {
	cfg   Config
	vim   *vim25.Client
	tasks *poller

	mu   sync.Mutex
	last *observation // what the newest Observe saw, for the Apply that follows
}

// Dial connects and logs in. Errors are *Error and never hold the password.
func Dial(ctx context.Context, cfg Config) (*Client, error) {
	endpoint, user, err := cfg.endpoint()
	if err != nil {
		return nil, err
	}
	vim, err := connect(ctx, cfg, endpoint)
	if err != nil {
		return nil, failure("connect to", endpoint.Host, err)
	}
	login := func(ctx context.Context) error { return login(ctx, vim, user) }
	if err := login(ctx); err != nil {
		return nil, failure("log in to", endpoint.Host, err)
	}
	vim.RoundTripper = &session{soap: vim.Client, login: login}
	cfg.Password, cfg.URL = "", endpoint.String()
	return &Client{cfg: cfg, vim: vim, tasks: newPoller(vim)}, nil
}

func connect(ctx context.Context, cfg Config, endpoint *url.URL) (*vim25.Client, error) {
	sc := soap.NewClient(endpoint, cfg.Insecure)
	sc.UserAgent = cfg.UserAgent
	if sc.UserAgent == "" {
		sc.UserAgent = "uclab"
	}
	if cfg.CAFile != "" {
		if err := sc.SetRootCAs(cfg.CAFile); err != nil {
			return nil, &Error{
				Op: "read CA file", On: cfg.CAFile, Why: err.Error(), Err: err,
				hint: "ca_file names a PEM file with the certificates of the authorities to trust",
			}
		}
	}
	if cfg.Thumbprint != "" {
		sc.SetThumbprint(endpoint.Host, cfg.Thumbprint)
	}
	transport := sc.DefaultTransport()
	// The default of two makes every further call in flight shake hands anew.
	transport.MaxIdleConnsPerHost = max(cfg.parallelism(), 64)

	first := &session{soap: sc}
	content, err := methods.GetServiceContent(ctx, first)
	if err != nil {
		return nil, err
	}
	vim := &vim25.Client{Client: sc, ServiceContent: content, RoundTripper: sc}
	sc.Namespace = "urn:" + vim25.Namespace
	sc.Version = olderVersion(vim25.Version, content.About.ApiVersion)
	return vim, nil
}

func login(ctx context.Context, vim *vim25.Client, user *url.Userinfo) error {
	password, _ := user.Password()
	_, err := methods.Login(ctx, &session{soap: vim.Client}, &types.Login{
		This:     *vim.ServiceContent.SessionManager,
		UserName: user.Username(),
		Password: password,
		Locale:   "en_US",
	})
	return err
}

// olderVersion picks the older of two API versions such as "8.0.2.0": a server
// refuses one that is newer than its own.
func olderVersion(ours, theirs string) string {
	if theirs == "" {
		return ours
	}
	a, b := strings.Split(ours, "."), strings.Split(theirs, ".")
	for i := range min(len(a), len(b)) {
		x, errX := strconv.Atoi(a[i])
		y, errY := strconv.Atoi(b[i])
		if errX != nil || errY != nil {
			return ours
		}
		if x != y {
			if x < y {
				return ours
			}
			return theirs
		}
	}
	if len(a) < len(b) {
		return ours
	}
	return theirs
}

// Close logs out and waits for nothing else.
func (c *Client) Close(ctx context.Context) error {
	// Past the session's login: a session that is gone needs no logout.
	_, err := methods.Logout(ctx, c.vim.Client, &types.Logout{This: *c.vim.ServiceContent.SessionManager})
	c.vim.Client.CloseIdleConnections()
	if faultOf(err) != nil {
		return nil
	}
	return failure("log out of", c.host(), err)
}

func (c *Client) host() string { return c.vim.URL().Host }

// Target says what the server is: plan.TargetSimulator, plan.TargetVCenter or
// plan.TargetESXi.
func (c *Client) Target() string {
	switch {
	case c.cfg.Simulator:
		return plan.TargetSimulator
	case c.vim.IsVC():
		return plan.TargetVCenter
	default:
		return plan.TargetESXi
	}
}
