package dynamo

import "unsend/shared/chat"

// channelRow is a channel's policy. It stays under 4 KB at chat's limits.
type channelRow struct {
	ViewMode   int                 `dynamodbav:"view,omitempty"`
	Windows    windowsRow          `dynamodbav:"windows"`
	Overrides  map[string]grantRow `dynamodbav:"overrides,omitempty"`
	WhiteRoles []string            `dynamodbav:"white,omitempty"`
	BlackRoles []string            `dynamodbav:"black,omitempty"`
	Version    int64               `dynamodbav:"version"`
	Sight      int64               `dynamodbav:"sight,omitempty"`
}

type grantRow struct {
	Allow uint32 `dynamodbav:"a,omitempty"`
	Deny  uint32 `dynamodbav:"d,omitempty"`
}

// channelKind begins the sort key of a channel's policy, among its server's rows.
const channelKind = "channel"

func channelKey(server, channel string) (itemKey, error) {
	return newKey([]string{"server", server}, []string{channelKind, channel})
}

// channelSpan is the rows of all channels of the server.
func channelSpan(server string) (span, error) {
	policy, err := serverKey(server)
	return span{pk: policy.pk, bound: channelKind + separator, end: channelKind + afterSeparator}, err
}

func encodeChannel(key itemKey, c chat.Channel) (item, error) {
	row := channelRow{
		ViewMode: int(c.ViewMode), Windows: windowsRowOf(c.Windows),
		WhiteRoles: list(c.WhiteRoles), BlackRoles: list(c.BlackRoles), Version: c.Version, Sight: c.Sight,
	}
	if len(c.Overrides) > 0 {
		row.Overrides = make(map[string]grantRow, len(c.Overrides))
		for role, grant := range c.Overrides {
			row.Overrides[role] = grantRowOf(grant)
		}
	}
	return key.with(row)
}

// decodeChannel reads the row; nil is the zero value, with its ids.
func decodeChannel(server, id string, row item) (chat.Channel, error) {
	stored, err := decode[channelRow](row)
	if err != nil {
		return chat.Channel{}, err
	}
	c := chat.Channel{
		ServerID: server, ID: id, ViewMode: chat.ViewMode(stored.ViewMode), Windows: stored.Windows.windows(),
		WhiteRoles: stored.WhiteRoles, BlackRoles: stored.BlackRoles, Version: stored.Version, Sight: stored.Sight,
	}
	if len(stored.Overrides) > 0 {
		c.Overrides = make(map[string]chat.Grant, len(stored.Overrides))
		for role, grant := range stored.Overrides {
			c.Overrides[role] = grant.grant()
		}
	}
	return c, nil
}

func grantRowOf(g chat.Grant) grantRow { return grantRow{uint32(g.Allow), uint32(g.Deny)} }

func (r grantRow) grant() chat.Grant {
	return chat.Grant{Allow: chat.Mask(r.Allow), Deny: chat.Mask(r.Deny)}
}
