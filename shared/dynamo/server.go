package dynamo

import "unsend/shared/chat"

// serverRow is a server's policy. It stays under 4 KB at chat's limits, so that
// reading it strongly costs one unit.
type serverRow struct {
	OwnerID string     `dynamodbav:"owner,omitempty"`
	Roles   []roleRow  `dynamodbav:"roles,omitempty"`
	Windows windowsRow `dynamodbav:"windows"`
	Version int64      `dynamodbav:"version"`
	Sight   int64      `dynamodbav:"sight,omitempty"`
}

// roleRow has short names, for there are many of them in a row.
type roleRow struct {
	ID        string `dynamodbav:"i"`
	Priority  int    `dynamodbav:"p,omitempty"`
	Allow     uint32 `dynamodbav:"a,omitempty"`
	Deny      uint32 `dynamodbav:"d,omitempty"`
	Own       *int64 `dynamodbav:"o,omitempty"`
	Moderator *int64 `dynamodbav:"m,omitempty"`
}

// windowsRow: an absent attribute is "not set", which 0 is not.
type windowsRow struct {
	Own       *int64 `dynamodbav:"o,omitempty"`
	Moderator *int64 `dynamodbav:"m,omitempty"`
}

func serverKey(server string) (itemKey, error) {
	return newKey([]string{"server", server}, []string{"policy"})
}

// memberCountKey is where the number of a server's members stands, as attrCount.
func memberCountKey(server string) (itemKey, error) {
	return newKey([]string{"server", server}, []string{memberCountKind})
}

const (
	attrCount = "n"

	memberCountKind = "members"
)

// memberCountRow also says how notices reach the members, which follows from their number.
type memberCountRow struct {
	Count int   `dynamodbav:"n"`
	Large bool  `dynamodbav:"large"`
	Since int64 `dynamodbav:"since"` // ms
}

const (
	attrLarge = "large"
	attrSince = "since"
)

// decodeDelivery reads the row; nil is a small server without members.
func decodeDelivery(row item) (chat.Delivery, error) {
	stored, err := decode[memberCountRow](row)
	return chat.Delivery{Members: stored.Count, Large: stored.Large, Since: stored.Since}, err
}

// goneRoleKey is there when the server had such a role, and has it no more.
func goneRoleKey(server, role string) (itemKey, error) {
	return newKey([]string{"gone", server}, []string{"role", role})
}

// goneChannelKey and goneServerKey are there when the channel, or the server, was deleted.
func goneChannelKey(server, channel string) (itemKey, error) {
	return newKey([]string{"gone", server}, []string{goneChannel, channel})
}

func goneServerKey(server string) (itemKey, error) {
	return newKey([]string{"gone", server}, []string{goneServer})
}

const (
	goneChannel = "channel"
	goneServer  = "server"
)

// serverNotGone refuses to put anything into a server that was deleted.
func (w *transaction) serverNotGone(server string) {
	key, err := goneServerKey(server)
	w.absent(key, chat.ServerIsGone(), err)
}

// notOwner refuses to let the server's owner go.
func (w *transaction) notOwner(server, account string) {
	key, err := serverKey(server)
	w.check(key, "attribute_not_exists(#owner) OR #owner <> :account",
		map[string]string{"#owner": "owner"}, item{":account": text(account)}, chat.OwnerStays(), err)
}

// rolesChanged keeps roles that are gone from coming back. Everyone cannot go.
func (w *transaction) rolesChanged(server string, before, after chat.Server) {
	for _, id := range before.RolesBeside(after) {
		key, err := goneRoleKey(server, id)
		w.put(key.item(), err)
	}
	if before.Version == 0 { // and so had no roles
		w.serverNotGone(server)
		return
	}
	for _, id := range after.RolesBeside(before) {
		key, err := goneRoleKey(server, id)
		w.absent(key, chat.RoleIsGone(), err)
	}
}

func encodeServer(key itemKey, s chat.Server) (item, error) {
	row := serverRow{OwnerID: s.OwnerID, Windows: windowsRowOf(s.Windows), Version: s.Version, Sight: s.Sight}
	for _, r := range s.Roles {
		w := windowsRowOf(r.Windows)
		row.Roles = append(row.Roles, roleRow{r.ID, r.Priority, uint32(r.Grant.Allow), uint32(r.Grant.Deny), w.Own, w.Moderator})
	}
	return key.with(row)
}

// decodeServer reads the row; nil is the zero value, with its id.
func decodeServer(id string, row item) (chat.Server, error) {
	stored, err := decode[serverRow](row)
	if err != nil {
		return chat.Server{}, err
	}
	s := chat.Server{ID: id, OwnerID: stored.OwnerID, Windows: stored.Windows.windows(), Version: stored.Version, Sight: stored.Sight}
	for _, r := range stored.Roles {
		s.Roles = append(s.Roles, chat.Role{
			ID: r.ID, Priority: r.Priority, Windows: windowsRow{r.Own, r.Moderator}.windows(),
			Grant: chat.Grant{Allow: chat.Mask(r.Allow), Deny: chat.Mask(r.Deny)},
		})
	}
	return s, nil
}

func windowsRowOf(w chat.Windows) windowsRow {
	return windowsRow{(*int64)(w.Own), (*int64)(w.Moderator)}
}

func (r windowsRow) windows() chat.Windows {
	return chat.Windows{Own: (*chat.Window)(r.Own), Moderator: (*chat.Window)(r.Moderator)}
}
